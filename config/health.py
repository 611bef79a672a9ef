"""Health checks for load balancers and orchestrators, without a key."""

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from health_check.base import HealthCheck
from health_check.checks import Database
from health_check.exceptions import HealthCheckException, ServiceUnavailable


class Migrations(HealthCheck):
    """Every migration of this code has been applied to the database."""

    def run(self) -> None:
        executor = MigrationExecutor(connection)
        if missing := executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise ServiceUnavailable(f"{len(missing)} migrations are not applied")


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Return 200 as long as the process runs; checks nothing else."""
    return JsonResponse({"status": "up"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Return 200 if the database answers and is migrated, else 503 with the failed check."""
    for name, check in (("database", Database()), ("migrations", Migrations())):
        try:
            check.run()
        except (HealthCheckException, DatabaseError) as error:
            return JsonResponse({"status": "not ready", "wanting": name, "detail": str(error)}, status=503)
    return JsonResponse({"status": "ready"})
