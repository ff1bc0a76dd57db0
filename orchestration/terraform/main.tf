# The cloud profile from nothing: a bucket, a private network, three service accounts with as few rights as they can
# work with, keys that never leave Lockbox, and one machine for Airflow and MLflow.
#
#   terraform init && terraform apply     asks for the variables that have no default (variables.tf)
#
# A budget that warns is made beside it, because the provider has no resource for one: the output `budget` is its command.

terraform {
  required_version = ">= 1.5"
  required_providers {
    yandex = { source = "yandex-cloud/yandex", version = ">= 0.130" }
  }
}

provider "yandex" {
  cloud_id  = var.cloud_id
  folder_id = var.folder_id
  zone      = var.zone
}

resource "yandex_storage_bucket" "data" {
  bucket    = "${var.name}-${substr(sha256(var.folder_id), 0, 8)}"
  folder_id = var.folder_id

  versioning { enabled = true }

  lifecycle_rule {
    id      = "old-versions"
    enabled = true
    noncurrent_version_expiration { days = 30 }
  }

  lifecycle_rule {
    id      = "cluster-logs"
    enabled = true
    filter { prefix = "dataproc/" }
    expiration { days = 30 }
  }
}

# The static site: readable by everyone, written by Airflow.
resource "yandex_storage_bucket" "site" {
  bucket    = "${var.name}-site-${substr(sha256(var.folder_id), 0, 8)}"
  folder_id = var.folder_id

  anonymous_access_flags {
    read = true
    list = false
  }

  website {
    index_document = "index.html"
    error_document = "404.html"
  }
}
