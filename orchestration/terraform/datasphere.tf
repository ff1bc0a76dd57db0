# Where GPU jobs run, with an hourly ceiling of its own: a training on an A100 takes 116 units a second.

resource "yandex_datasphere_community" "main" {
  name               = var.name
  billing_account_id = var.billing_account_id
  organization_id    = var.organization_id
}

resource "yandex_datasphere_project" "main" {
  name         = var.name
  community_id = yandex_datasphere_community.main.id

  limits = {
    max_units_per_hour      = 116 * 3600
    max_units_per_execution = 4 * 116 * 3600
  }

  settings = {
    service_account_id = yandex_iam_service_account.account["job"].id
    default_folder_id  = var.folder_id
  }
}

# Only this project's jobs, not the whole folder's.
resource "yandex_datasphere_project_iam_binding" "airflow" {
  project_id = yandex_datasphere_project.main.id
  role       = "datasphere.community-projects.developer"
  members    = ["serviceAccount:${yandex_iam_service_account.account["airflow"].id}"]
}
