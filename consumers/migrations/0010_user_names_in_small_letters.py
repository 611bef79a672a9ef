"""Write user names in small letters, so that two of them differ by more than case."""

import unicodedata
from itertools import count

from django.db import migrations, models

import consumers.models.staff


def small(username):
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username).casefold())
    return folded.lower()


def user_names_write_small(apps, schema_editor):
    """Of several people with one name, the last one who logged in keeps it; the others get a number, and are named."""
    User = apps.get_model("consumers", "User")
    last_log_in_first = User.objects.order_by(models.F("last_login").desc(nulls_last=True), "pk")
    users = list(last_log_in_first.values_list("pk", "username"))
    taken = set()
    renamed = []
    for pk, username in users:
        name = small(username)[:150]
        if name in taken:
            numbered = (f"{name[:140]}-{number}" for number in count(2))
            everybody = taken | {small(other) for _, other in users}
            name = next(other for other in numbered if other not in everybody)
            print(f"\n  The log-in {username} is now {name}: {small(username)} is somebody else's.")
        taken.add(name)
        if name != username:
            renamed.append((pk, name))
    # In two steps: a new name may be the old one of somebody who is renamed later.
    for pk, _ in renamed:
        User.objects.filter(pk=pk).update(username=f"\x01{pk}")
    for pk, name in renamed:
        User.objects.filter(pk=pk).update(username=name)


class Migration(migrations.Migration):
    dependencies = [("consumers", "0009_yearless_birthday")]

    operations = [
        migrations.AlterModelManagers(
            name="user",
            managers=[("objects", consumers.models.staff.StaffManager())],
        ),
        migrations.RunPython(user_names_write_small, migrations.RunPython.noop),
    ]
