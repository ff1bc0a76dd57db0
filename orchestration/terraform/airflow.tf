# One small machine for Airflow and MLflow. It acts as the airflow account, so no key lies on its disk.

data "yandex_compute_image" "system" {
  family = "ubuntu-2404-lts"
}

resource "yandex_compute_instance" "airflow" {
  name               = "${var.name}-airflow"
  zone               = var.zone
  platform_id        = "standard-v3" # Ice Lake, as in prices.toml; left out it would be the oldest there is
  service_account_id = yandex_iam_service_account.account["airflow"].id

  resources {
    cores  = 2
    memory = 8
  }

  boot_disk {
    initialize_params {
      image_id = data.yandex_compute_image.system.id
      size     = 40
      type     = "network-ssd"
    }
  }

  network_interface {
    subnet_id          = yandex_vpc_subnet.main.id
    nat                = true
    security_group_ids = [yandex_vpc_security_group.airflow.id]
  }

  metadata = {
    user-data = templatefile("${path.module}/machine.yaml", {
      ssh_public_key = var.ssh_public_key
      repository     = var.repository
      storage        = "s3://${yandex_storage_bucket.data.bucket}"
      site           = "s3://${yandex_storage_bucket.site.bucket}"
      project        = yandex_datasphere_project.main.id
      storage_key    = yandex_lockbox_secret.storage_key["airflow"].id
      folder         = var.folder_id
      bucket         = yandex_storage_bucket.data.bucket
      account        = yandex_iam_service_account.account["cluster"].id
      subnet         = yandex_vpc_subnet.main.id
      security_group = yandex_vpc_security_group.cluster.id
    })
  }
}

output "storage" {
  description = "Root of all data, for HOROSCOPE_STORAGE"
  value       = "s3://${yandex_storage_bucket.data.bucket}"
}

output "airflow_page" {
  description = "A tunnel to Airflow's page: then open http://127.0.0.1:8081"
  value       = "ssh -L 8081:127.0.0.1:8081 horoscope@${yandex_compute_instance.airflow.network_interface[0].nat_ip_address}"
}

output "site" {
  description = "Address of the static site"
  value       = "http://${yandex_storage_bucket.site.website_endpoint}"
}

output "job_storage_key" {
  description = "Lockbox secret whose two entries become secrets of the DataSphere project, in its settings"
  value       = yandex_lockbox_secret.storage_key["job"].id
}

output "budget" {
  description = "Command that makes the cloud's own alarm; --notify takes the id of whoever is to be told"
  value       = "python -m orchestration.budget --billing-account ${var.billing_account_id} --cloud ${var.cloud_id} --folder ${var.folder_id} --amount 5000 --notify"
}
