"""People, programs' tokens, locked-out sign-ins."""

from __future__ import annotations

from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from knox.models import AuthToken, get_digest_token
from knox.settings import CONSTANTS
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminPasswordWidget

from warehouse.accounts.models import User
from warehouse.core.admin import RoleAdmin

for _model in (Group, AuthToken, AccessAttempt, AccessLog, AccessFailureLog):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


class PersonForm(UserChangeForm):
    """A user, with a new PIN for the floor when one is typed."""

    new_pin = forms.CharField(
        label="New PIN",
        required=False,
        min_length=4,
        max_length=12,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password", "inputmode": "numeric"}),
        help_text="For signing in on the floor with the badge: 4 to 12 digits. Empty: the PIN stays.",
    )

    def clean_badge(self) -> str | None:
        return self.cleaned_data["badge"] or None

    def clean_new_pin(self) -> str:
        pin: str = self.cleaned_data["new_pin"]
        if pin and not pin.isdecimal():
            raise ValidationError("Digits only.")
        return pin


@admin.register(User)
class UserAdmin(RoleAdmin, DjangoUserAdmin):
    """Managers keep the people; only a superuser touches a superuser or makes one."""

    form = PersonForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "first_name", "last_name", "badge", "is_active", "is_staff", "last_login"]
    list_filter = ["is_active", "is_staff", "groups"]
    search_fields = ["username", "first_name", "last_name", "=badge"]
    readonly_fields = ["last_login", "date_joined"]
    filter_horizontal = []
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Person", {"fields": ["first_name", "last_name", "email"]}),
        ("On the floor", {"fields": ["badge", "new_pin"]}),
        (
            "May",
            {
                "fields": ["is_active", "is_staff", "is_superuser", "groups"],
                "description": "Staff may open the back office; the groups are the roles.",
            },
        ),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [(None, {"fields": ["username", "usable_password", "password1", "password2"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        return [*self.readonly_fields, *([] if request.user.is_superuser else ["is_superuser"])]

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        above = isinstance(obj, User) and obj.is_superuser and not request.user.is_superuser
        return super().has_change_permission(request, obj) and not above

    def save_model(self, request: HttpRequest, obj: User, form: forms.ModelForm, change: bool) -> None:
        pin = form.cleaned_data.get("new_pin")
        if pin:
            obj.set_pin(pin)
        super().save_model(request, obj, form, change)


class TokenForm(forms.ModelForm):
    class Meta:
        model = AuthToken
        fields = ["user", "expiry"]


@admin.register(AuthToken)
class TokenAdmin(RoleAdmin):
    """Tokens of programs. The token itself is shown once, when it is made; only its hash is kept."""

    form = TokenForm
    list_display = ["token_key", "user", "created", "expiry"]
    list_select_related = ["user"]
    search_fields = ["user__username"]
    autocomplete_fields = ["user"]
    fields = ["user", "expiry"]

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        obj.digest, token = get_digest_token()
        obj.token_key = token[: CONSTANTS.TOKEN_KEY_LENGTH]
        super().save_model(request, obj, form, change)
        messages.warning(request, f"Copy the token now, it is not shown again: {token}")


@admin.register(AccessAttempt)
class AttemptAdmin(RoleAdmin):
    """Who is locked out after too many wrong passwords. Deleting a row lets them try again."""

    list_display = ["attempt_time", "username", "ip_address", "failures_since_start", "path_info"]
    search_fields = ["=username", "=ip_address"]
    fields = ["attempt_time", "username", "ip_address", "user_agent", "path_info", "failures_since_start"]
    ordering = ["-attempt_time"]
