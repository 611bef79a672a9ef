import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    # Apart from the one before: PostgreSQL alters no table whose rows were changed in the same transaction.
    dependencies = [("consumers", "0010_user_names_in_small_letters")]

    operations = [
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(("username", django.db.models.functions.text.Lower("username"))),
                name="user_name_in_small_letters",
            ),
        ),
    ]
