# One small machine for Airflow and MLflow. It acts as the airflow account, so no key lies on its disk.

data "yandex_compute_image" "system" {
  family = "ubuntu-2404-lts"
}

resource "yandex_compute_instance" "airflow" {
  name               = "${var.name}-airflow"
  zone               = var.zone
  service_account_id = yandex_iam_service_account.account["airflow"].id

  resources {
    cores  = 2
    memory = 8
  }

  boot_disk {
    initialize_params {
      image_id = data.yandex_compute_image.system.id
      size     = 40
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
      storage        = "s3://${yandex_storage_bucket.data.bucket}"
      folder         = var.folder_id
      bucket         = yandex_storage_bucket.data.bucket
      account        = yandex_iam_service_account.account["cluster"].id
      subnet         = yandex_vpc_subnet.main.id
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
