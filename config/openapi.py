"""The OpenAPI document as a view."""

from drf_spectacular.views import SpectacularAPIView

from consumers.api.framework.query import DeclaredParameters, Parameter


class SchemaView(DeclaredParameters, SpectacularAPIView):
    """The document, in the format that ``?format=`` or the Accept header asks for."""

    parameters = {"GET": (Parameter(name="format"), Parameter(name="lang"))}
