"""Every path of the project, and two of the benchmarks' own."""

from django.urls import path

from benchmarks.plain import Nothing, OneOfEach
from config.urls import handler400, handler404, handler500
from config.urls import urlpatterns as project

# First in the list, so that finding them costs nothing.
urlpatterns = [path("plain/nothing", Nothing.as_view()), path("plain/one-of-each", OneOfEach.as_view()), *project]

__all__ = ["handler400", "handler404", "handler500", "urlpatterns"]
