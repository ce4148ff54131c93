from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_proof"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["resource_type", "resource_id", "-id"], name="event_by_resource"),
        ),
    ]
