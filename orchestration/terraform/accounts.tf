# Who may do what. Airflow creates and deletes clusters and jobs; a cluster and a job only touch the bucket.

locals {
  roles = {
    airflow = ["dataproc.editor", "vpc.user", "iam.serviceAccounts.user", "storage.editor", "lockbox.viewer", "lockbox.payloadViewer"]
    cluster = ["dataproc.agent", "dataproc.provisioner", "storage.editor"]
    job     = ["storage.editor"]
  }
  grants = merge([for account, roles in local.roles : { for role in roles : "${account} ${role}" => { account = account, role = role } }]...)
}

resource "yandex_iam_service_account" "account" {
  for_each = local.roles
  name     = "${var.name}-${each.key}"
}

resource "yandex_resourcemanager_folder_iam_member" "grant" {
  for_each  = local.grants
  folder_id = var.folder_id
  role      = each.value.role
  member    = "serviceAccount:${yandex_iam_service_account.account[each.value.account].id}"
}

resource "yandex_lockbox_secret" "storage_key" {
  for_each = local.roles
  name     = "${var.name}-${each.key}-storage-key"
}

resource "yandex_iam_service_account_static_access_key" "storage" {
  for_each           = local.roles
  service_account_id = yandex_iam_service_account.account[each.key].id

  # The key goes straight to Lockbox and is not kept in Terraform's state.
  output_to_lockbox {
    secret_id            = yandex_lockbox_secret.storage_key[each.key].id
    entry_for_access_key = "AWS_ACCESS_KEY_ID"
    entry_for_secret_key = "AWS_SECRET_ACCESS_KEY"
  }
}
