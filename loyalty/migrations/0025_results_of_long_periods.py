"""Sums of months at all sites and merged consumers; the task's next run fills them from what is there."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("loyalty", "0024_programme_uplift")]

    operations = [
        migrations.AddField(
            model_name='resultsmark',
            name='merged_to',
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name='resultsmark',
            name='summed_to',
            field=models.BigIntegerField(null=True),
        ),
        migrations.CreateModel(
            name='PromotionMonthConsumers',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField()),
                ('count', models.PositiveIntegerField()),
                ('consumers', models.BinaryField()),
                ('promotion', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='promotions.promotion')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('promotion', 'month'), name='result_consumers_once_per_month')],
            },
        ),
        migrations.CreateModel(
            name='PromotionMonthTotal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('expected_redemption', models.DecimalField(decimal_places=2, max_digits=5)),
                ('baskets', models.BigIntegerField(default=0)),
                ('redemptions', models.BigIntegerField(default=0)),
                ('points', models.BigIntegerField(default=0)),
                ('vouchers_issued', models.BigIntegerField(default=0)),
                ('vouchers_paid', models.BigIntegerField(default=0)),
                ('discount', models.BigIntegerField(default=0)),
                ('points_value', models.BigIntegerField(default=0)),
                ('vouchers_discount', models.BigIntegerField(default=0)),
                ('promoted_sales', models.BigIntegerField(default=0)),
                ('basket_sales', models.BigIntegerField(default=0)),
                ('margin', models.BigIntegerField(default=0)),
                ('margin_unknown_sales', models.BigIntegerField(default=0)),
                ('returned_baskets', models.BigIntegerField(default=0)),
                ('returned_redemptions', models.BigIntegerField(default=0)),
                ('returned_points', models.BigIntegerField(default=0)),
                ('returned_vouchers_issued', models.BigIntegerField(default=0)),
                ('returned_vouchers_paid', models.BigIntegerField(default=0)),
                ('returned_discount', models.BigIntegerField(default=0)),
                ('returned_points_value', models.BigIntegerField(default=0)),
                ('returned_vouchers_discount', models.BigIntegerField(default=0)),
                ('returned_promoted_sales', models.BigIntegerField(default=0)),
                ('returned_basket_sales', models.BigIntegerField(default=0)),
                ('returned_margin', models.BigIntegerField(default=0)),
                ('returned_margin_unknown_sales', models.BigIntegerField(default=0)),
                ('month', models.DateField()),
                ('account', models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='consumers.account')),
                ('promotion', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='promotions.promotion')),
                ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='promotions.promotionversion')),
            ],
            options={
                'indexes': [models.Index(fields=['account', 'month'], name='result_by_account_and_month')],
                'constraints': [models.UniqueConstraint(fields=('promotion', 'month', 'version', 'expected_redemption'), name='result_once_per_month')],
            },
        ),
        migrations.CreateModel(
            name='PromotionWeekConsumers',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('week', models.DateField()),
                ('count', models.PositiveIntegerField()),
                ('promotion', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='promotions.promotion')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('promotion', 'week'), name='result_consumers_once_per_week')],
            },
        ),
    ]
