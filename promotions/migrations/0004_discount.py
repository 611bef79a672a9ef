from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('promotions', '0003_personalized_promotion'),
    ]

    operations = [
        migrations.CreateModel(
            name='Discount',
            fields=[
            ],
            options={
                'verbose_name': 'discount',
                'proxy': True,
                'indexes': [],
                'constraints': [],
            },
            bases=('promotions.promotion',),
        ),
    ]
