"""Pages and tables are sent compressed, and nothing else."""

from django.middleware.gzip import GZipMiddleware

COMPRESSED = ("text/html", "text/csv")


class CompressionMiddleware(GZipMiddleware):
    """Django's, for pages and tables (docs/decisions/0043).

    Files of people are sent in the parts that players ask for, by their own lengths, and most are compressed already;
    the site's own lie compressed on the disk.
    """

    def process_response(self, request, response):
        if response.get("Content-Type", "").partition(";")[0] in COMPRESSED:
            return super().process_response(request, response)
        return response
