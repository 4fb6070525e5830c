FROM python:3.13-slim
ENV PYTHONUNBUFFERED=1 LOCAL=off WEB_HOST=0.0.0.0 MEDIA_ROOT=/media
WORKDIR /app

COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes --requirement requirements.txt

COPY . .
RUN SECRET_KEY=for-this-step-alone python manage.py collectstatic --no-input

# A new volume at /media takes its owner from here.
RUN useradd --system --uid 10001 --no-create-home app && install --directory --owner=app /media
USER app

EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["python", "-m", "config.health"]
# What it does is in gunicorn.conf.py.
CMD ["gunicorn"]
