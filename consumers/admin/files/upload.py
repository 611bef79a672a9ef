"""Uploaded files between their preview and their confirmation: the file in the cache, how to read it in the session."""

from dataclasses import dataclass, replace
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest
from import_export.tmp_storages import CacheStorage

from consumers.admin.files.reading import FileOptions
from consumers.circuit_breaker import redis_breaker
from consumers.types import JsonObject

SESSION_UPLOADS = "import_uploads"
"""Session key of the uploads that are not confirmed yet."""

MAX_UPLOADS = 20


class CachedFile(CacheStorage):
    """An uploaded file between preview and confirmation, in the cache, where every web node finds it.

    All methods raise RedisError or CircuitOpen while the cache does not answer.
    """

    def save(self, data: Any) -> None:
        redis_breaker.call(super().save, data)

    def remove(self) -> None:
        """Remove the file.

        Raises:
            FileNotFoundError: it is removed already.
        """
        if not redis_breaker.call(cache.delete, f"{self.CACHE_PREFIX}{self.name}"):
            raise FileNotFoundError(self.name)

    def read(self) -> Any:
        """Return the file's content.

        Raises:
            FileNotFoundError: the cache dropped it.
        """
        content = redis_breaker.call(super().read)
        if content is None:
            raise FileNotFoundError(self.name)
        return content


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file that a user has uploaded on a page in an account.

    ``file`` is its name in the cache, ``name`` that of the user's computer, ``resource`` the kind of its rows.
    ``is_previewed`` says that the user has seen what an import with these options would do.
    """

    account_id: int
    model: str
    file: str
    name: str
    resource: str
    options: FileOptions
    is_previewed: bool = False

    def previewed(self) -> "Upload":
        """Return the upload as one that the user may confirm."""
        return replace(self, is_previewed=True)

    def to_json(self) -> JsonObject:
        """Return the upload as the session keeps it."""
        return {**vars(self), "options": self.options.to_json()}

    @classmethod
    def from_json(cls, values: JsonObject) -> "Upload":
        """Return an upload that ``to_json`` wrote."""
        return cls(**values | {"options": FileOptions.from_json(values["options"])})


# The browser names a file only by what the session knows of it: it could name another user's file otherwise, a file
# that was uploaded in another account, or one that is imported already.


def upload_save(request: HttpRequest, upload: Upload) -> None:
    """Keep an upload in the session, in place of the same file with other options."""
    others = [values for values in request.session.get(SESSION_UPLOADS, ()) if values["file"] != upload.file]
    request.session[SESSION_UPLOADS] = [*others, upload.to_json()][-MAX_UPLOADS:]


def upload_named(request: HttpRequest, file: str, *, account_id: int, model: str) -> Upload | None:
    """Return this user's upload of a page and an account by its file's name; None if there is none."""
    for values in request.session.get(SESSION_UPLOADS, ()):
        if (values["file"], values["account_id"], values["model"]) == (file, account_id, model):
            return Upload.from_json(values)
    return None


def upload_forget(request: HttpRequest, upload: Upload) -> None:
    """Forget an upload, so that it is imported once."""
    uploads = request.session.get(SESSION_UPLOADS, ())
    request.session[SESSION_UPLOADS] = [values for values in uploads if values["file"] != upload.file]
