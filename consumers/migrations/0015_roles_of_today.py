"""Make roles of the groups that members of staff have: everybody keeps what they may do."""

from django.db import migrations

TEMPLATES = ("Administrator", "Marketer", "Customer service", "Viewer")


def roles_of_groups(apps, schema_editor):
    """Make the four groups the templates.

    No page ever made another group. A member who has one all the same gets a role of its name that grants nothing: an
    administrator sees in *Staff* who it is, and says what they may do.
    """
    Group = apps.get_model("auth", "Group")
    Role = apps.get_model("consumers", "Role")
    StaffMembership = apps.get_model("consumers", "StaffMembership")
    for name in TEMPLATES:
        group, _ = Group.objects.get_or_create(name=name)
        Role(group_ptr=group, name=name, title=name).save()
    others = StaffMembership.objects.exclude(role__name__in=TEMPLATES).order_by("account", "role")
    for account_id, group_id in others.values_list("account", "role").distinct():
        name = Group.objects.get(pk=group_id).name
        role = Role.objects.create(name=f"role {account_id} {group_id}", account_id=account_id, title=name[:60])
        StaffMembership.objects.filter(account_id=account_id, role_id=group_id).update(role_id=role.pk)


class Migration(migrations.Migration):
    dependencies = [("consumers", "0014_roles_of_functionalities")]

    operations = [migrations.RunPython(roles_of_groups, migrations.RunPython.noop)]
