"""The form with an attempt's questions."""

from django import forms
from django.core.exceptions import ValidationError

from courses.marking import numbers
from courses.models import QuestionKind

TEXT_LIMIT = 500  # characters of a short answer


class AnswersForm(forms.Form):
    """One field for each question of an attempt, `q-<id of the question>`; a choice is sent as its place among them.

    With `partly`, what is empty is no error.  `answers()` are those that are fit
    to be kept, as QuizAttempt has them.
    """

    use_required_attribute = False

    def __init__(self, attempt, data=None, *, partly=False):
        self.questions = {f"q-{question['id']}": question for question in attempt.questions}
        initial = {
            name: _shown(question, attempt.answers.get(question["id"], [])) for name, question in self.questions.items()
        }
        super().__init__(data, initial=initial, auto_id=f"{str(attempt.pk)[-12:]}-%s")
        several = len(self.questions) > 1
        for number, (name, question) in enumerate(self.questions.items(), 1):
            label = f"{number}. {question['prompt']}" if several else question["prompt"]
            self.fields[name] = _field(question, label=label, required=not partly)

    def answers(self):
        found = {}
        for name, question in self.questions.items():
            value = self.cleaned_data.get(name)
            if value in (None, "", []):
                continue
            if question["kind"] == QuestionKind.MULTIPLE:
                found[question["id"]] = [question["choices"][place] for place in sorted(map(int, value))]
            elif question["kind"] == QuestionKind.SINGLE:
                found[question["id"]] = [question["choices"][int(value)]]
            else:
                found[question["id"]] = [value]
        return found

    @property
    def only_blanks(self):
        """Whether nothing is wrong but that some questions are not answered."""
        codes = {error.code for errors in self.errors.as_data().values() for error in errors}
        return codes == {"required"}


def _shown(question, given):
    if question["kind"] == QuestionKind.MULTIPLE:
        return [str(question["choices"].index(each)) for each in given if each in question["choices"]]
    if question["kind"] == QuestionKind.SINGLE:
        return next((str(question["choices"].index(each)) for each in given if each in question["choices"]), None)
    return given[0] if given else ""


def _field(question, **options):
    choices = [(str(place), choice) for place, choice in enumerate(question["choices"])]
    match question["kind"]:
        case QuestionKind.SINGLE:
            messages = {"required": "Choose one.", "invalid_choice": "Choose one of the answers listed here."}
            return forms.ChoiceField(choices=choices, widget=forms.RadioSelect, error_messages=messages, **options)
        case QuestionKind.MULTIPLE:
            messages = {"required": "Choose at least one.", "invalid_choice": "Choose from the answers listed here."}
            options |= {"error_messages": messages, "help_text": "Choose all that are right."}
            return forms.MultipleChoiceField(choices=choices, widget=forms.CheckboxSelectMultiple, **options)
        case QuestionKind.NUMBER:
            widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
            messages = {"required": "Write a number."}
            return forms.CharField(validators=[_a_number], widget=widget, error_messages=messages, **options)
    widget = forms.TextInput(attrs={"autocomplete": "off"})
    messages = {"required": "Write an answer."}
    return forms.CharField(max_length=TEXT_LIMIT, widget=widget, error_messages=messages, **options)


def _a_number(text):
    if not numbers(text):
        raise ValidationError("Write a number, as in 42, -3.5 or -3,5.", code="no_number")
