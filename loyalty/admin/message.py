"""The pages of redemption messages, with the steps to send one again or cancel it."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from consumers.admin.framework.dialogs import RowDialogForm, dialog_redirect, dialog_with_errors
from consumers.admin.framework.filters import AccountRelatedFilter, choice_filter
from consumers.admin.framework.formatting import format_moment
from consumers.admin.framework.pages import LongListAdmin, account_of
from consumers.exceptions import Refused
from consumers.selectors import row_by_id
from loyalty.choices import MessageState
from loyalty.models import RedemptionMessage
from loyalty.selectors.message import messages_of
from loyalty.selectors.search import messages_matching
from loyalty.services.message import message_cancel, message_send_again
from loyalty.services.promotion_texts import plain_text
from promotions.admin.rules.wording import label_of

STATE_COLOURS = {
    MessageState.WAITING.label: "info",
    MessageState.CLAIMED.label: "info",
    MessageState.SENT.label: "success",
    MessageState.UNCERTAIN.label: "warning",
    MessageState.FAILED.label: "danger",
    MessageState.CANCELLED.label: "default",
}
CHANGE = ["loyalty.change_redemptionmessage"]


class MessageForm(RowDialogForm):
    """The confirmation of a step with one message of the account."""

    def __init__(self, request: HttpRequest, object_id: object = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, object_id, *args, **kwargs)
        message = row_by_id(messages_of(account_id=account_of(request).pk), object_id)
        if message is None:
            raise Http404("This message does not exist.")
        self.message = message


@admin.register(RedemptionMessage)
class RedemptionMessageAdmin(LongListAdmin):
    """The pages of redemption messages."""

    empty_text = "Promotions with a redemption message e-mail each consumer who redeems them."
    list_display = ("moment", "consumer", "subject", "promotion", "state_label", "attempts")
    list_filter = (
        choice_filter("state", "state", MessageState.choices, lambda _, rows, value: rows.filter(state=value)),
        ("applied__promotion", AccountRelatedFilter),
    )
    matching = staticmethod(messages_matching)
    search_help_text = "Consumer or transaction"
    sortable_by = ("recorded",)
    ordering = ("-recorded_at", "-pk")
    fieldsets = (
        (
            "Message",
            {"fields": (("state_label", "attempts"), ("consumer", "address"), ("transaction", "promotion"))},
        ),
        ("Content", {"fields": ("subject", "text")}),
        ("Sending", {"fields": (("moment", "sent"), ("next_attempt", "given_up"), "last_error")}),
    )
    actions_detail = ("send_again", "cancel")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RedemptionMessage]:
        return messages_of(account_id=account_of(request).pk).order_by(*self.ordering)

    @display(description="Recorded", ordering="recorded_at")
    def moment(self, message: RedemptionMessage) -> str:
        return format_moment(message.recorded_at)

    @display(description="State", label=STATE_COLOURS)
    def state_label(self, message: RedemptionMessage) -> str:
        return str(MessageState(message.state).label)

    @display(description="Promotion", ordering="applied__promotion__name")
    def promotion(self, message: RedemptionMessage) -> str:
        return f"{message.applied.promotion}, version {message.applied.version.number}"

    @display(description="Transaction")
    def transaction(self, message: RedemptionMessage) -> SafeString:
        address = reverse("admin:loyalty_transaction_change", args=[message.applied.transaction.pk])
        return format_html('<a class="text-link" href="{}">{}</a>', address, message.applied.transaction)

    @display(description="Text")
    def text(self, message: RedemptionMessage) -> str:
        return plain_text(message.body)

    @display(description="Sent")
    def sent(self, message: RedemptionMessage) -> str:
        return format_moment(message.sent_at)

    @display(description="Next attempt")
    def next_attempt(self, message: RedemptionMessage) -> str:
        return format_moment(message.next_attempt_at) if message.state == MessageState.WAITING else "–"

    @display(description="Retries until")
    def given_up(self, message: RedemptionMessage) -> str:
        return format_moment(message.give_up_at) if message.state == MessageState.WAITING else "–"

    # --- steps ---

    def get_actions_detail(self, request: HttpRequest, object_id: object) -> list[UnfoldAction]:
        """Return the steps that the message allows now."""
        actions: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        message = self.get_object(request, str(object_id))
        if message is None:
            return []
        not_cancellable = (MessageState.CLAIMED, MessageState.SENT, MessageState.CANCELLED)
        allowed = {
            "send_again": message.state != MessageState.CLAIMED,
            "cancel": message.state not in not_cancellable,
        }
        return [action for action in actions if allowed[action.method.original_function_name]]

    @action(
        description="Send again",
        icon="forward_to_inbox",
        variant=ActionVariant.PRIMARY,
        permissions=CHANGE,
        dialog={
            "title": "Send this message again?",
            "description": "It goes to the consumer's current address. If it was already sent, the consumer gets "
            "it twice.",
            "form_class": MessageForm,
            "form_submit_text": "Send again",
        },
    )
    def send_again(self, request: HttpRequest, form: MessageForm, object_id: object) -> HttpResponse:
        return self._step(
            request, "send_again", form, lambda message: message_send_again(message=message, at=timezone.now())
        )

    @action(
        description="Cancel",
        icon="cancel_schedule_send",
        variant=ActionVariant.DANGER,
        permissions=CHANGE,
        dialog={
            "title": "Cancel this message?",
            "description": "It will not be sent, unless you send it again.",
            "form_class": MessageForm,
            "form_submit_text": "Cancel message",
            "variant": "danger",
        },
    )
    def cancel(self, request: HttpRequest, form: MessageForm, object_id: object) -> HttpResponse:
        return self._step(request, "cancel", form, lambda message: message_cancel(message=message))

    def _step(
        self,
        request: HttpRequest,
        name: str,
        form: MessageForm,
        operation: Callable[[RedemptionMessage], RedemptionMessage],
    ) -> HttpResponse:
        """Run a step, or show in the dialog why it is refused."""
        try:
            message = operation(form.message)
        except Refused as refused:
            form.add_error(None, refused.detail)
            return dialog_with_errors(request, getattr(self, name).dialog, form)
        self.log_change(request, message, f"{label_of(name)}.")
        state = MessageState(message.state).label.lower()
        messages.success(request, f"The message to {message.address} is now {state}.")
        return dialog_redirect(request, self.url_of("change", message.pk))
