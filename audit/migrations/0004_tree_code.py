from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_diffs")]

    operations = [
        migrations.AddField(model_name="tree", name="code", field=models.BinaryField(null=True)),
        migrations.AddField(
            model_name="tree",
            name="old_count",
            field=models.PositiveBigIntegerField(db_default=0, default=0, editable=False),
        ),
    ]
