"""People: found, given a log-in, made staff, closed, erased."""

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group

from config.admin import ModelAdmin, locked_in_order
from profiles.models import Profile

admin.site.unregister(Group)  # staff administer everything


PASSWORD_HELP = "If disabled, the person cannot log in until somebody gives them a password."


class ProfileFormMixin:
    def clean(self):
        cleaned = super().clean()
        is_staff = cleaned.get("is_staff", self.instance.is_staff)
        if cleaned.get("is_superuser", False) and is_staff is False:
            self.add_error("is_staff", "A superuser is staff as well.")
        return cleaned


class ProfileCreationForm(ProfileFormMixin, AdminUserCreationForm):
    usable_password = AdminUserCreationForm.create_usable_password_field(PASSWORD_HELP)

    class Meta:
        model = Profile
        fields = ("email", "full_name")


class ProfileChangeForm(ProfileFormMixin, UserChangeForm):
    class Meta:
        model = Profile
        fields = "__all__"


class PasswordForm(AdminPasswordChangeForm):
    usable_password = AdminPasswordChangeForm.create_usable_password_field(PASSWORD_HELP)


class RoleFilter(admin.SimpleListFilter):
    title = "role"
    parameter_name = "role"

    def lookups(self, request, model_admin):
        return [("staff", "Staff"), ("instructors", "Instructors"), ("closed", "Closed accounts")]

    def queryset(self, request, queryset):
        match self.value():
            case "staff":
                return queryset.filter(is_staff=True)
            case "instructors":
                return queryset.filter(pk__in=Profile.courses_taught.through.objects.values("instructor"))
            case "closed":
                return queryset.filter(is_active=False)
        return queryset


@admin.action(description="Close the accounts (they can no longer log in)")
def close(model_admin, request, queryset):
    model_admin.set_active(request, queryset, False, "Closed")


@admin.action(description="Reopen the accounts")
def reopen(model_admin, request, queryset):
    model_admin.set_active(request, queryset, True, "Reopened")


@admin.register(Profile)
class ProfileAdmin(ModelAdmin, UserAdmin):
    form = ProfileChangeForm
    add_form = ProfileCreationForm
    change_password_form = PasswordForm
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("email", "full_name", "usable_password", "password1", "password2")}),
    )
    fieldsets = (
        (None, {"fields": ("email", "full_name", "password")}),
        ("Permissions", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Dates", {"fields": ("created_at", "last_login")}),
    )
    readonly_fields = ("created_at", "last_login")
    list_display = ("__str__", "email", "is_active", "is_staff", "is_superuser", "created_at")
    list_filter = (RoleFilter,)
    filter_horizontal = ()
    search_fields = ("full_name", "email")
    search_help_text = "Part of the name or of the e-mail address."
    ordering = ("full_name", "id")
    actions = (close, reopen)

    def get_readonly_fields(self, request, obj=None):
        """Superusers decide who is staff; and nobody locks themselves out."""
        readonly = tuple(super().get_readonly_fields(request, obj))
        if obj is not None and obj.pk == request.user.pk:
            return (*readonly, "is_active", "is_staff", "is_superuser")
        return readonly if request.user.is_superuser else (*readonly, "is_staff", "is_superuser")

    def has_change_permission(self, request, obj=None):
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or not obj.is_superuser or request.user.is_superuser)

    def has_delete_permission(self, request, obj=None):
        allowed = super().has_delete_permission(request, obj)
        if obj is None:
            return allowed
        return allowed and obj.pk != request.user.pk and (not obj.is_superuser or request.user.is_superuser)

    def set_active(self, request, queryset, is_active, done):
        """Close or reopen accounts: not one's own, and a superuser's only as a superuser."""
        queryset = queryset.exclude(pk=request.user.pk).exclude(is_active=is_active)
        if not request.user.is_superuser:
            queryset = queryset.exclude(is_superuser=True)
        changed = Profile.objects.filter(pk__in=locked_in_order(queryset, "pk")).update(is_active=is_active)
        self.message_user(request, f"{done}: {changed:,}.", messages.SUCCESS)
