"""The form with which people log in."""

from typing import Any, ClassVar

from django.contrib import admin
from unfold.forms import AuthenticationForm


class LogInForm(AuthenticationForm):
    """A user name, in any case, and a password."""

    error_messages: ClassVar[dict[str, Any]] = {
        **AuthenticationForm.error_messages,
        "invalid_login": "Wrong user name or password. Passwords are case-sensitive.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "User name"


admin.site.login_form = LogInForm
