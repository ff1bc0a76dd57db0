variable "cloud_id" {
  description = "Cloud that everything belongs to"
  type        = string
}

variable "folder_id" {
  description = "Folder of its own: rights are given on the folder, so nothing else should live in it"
  type        = string
}

variable "ssh_public_key" {
  description = "Key of whoever may log in to the Airflow machine"
  type        = string
}

variable "admin_cidr" {
  description = "From where SSH to the Airflow machine is allowed, for example 203.0.113.7/32"
  type        = string
}

variable "name" {
  description = "Prefix of all names"
  type        = string
  default     = "horoscope"
}

variable "zone" {
  description = "Availability zone"
  type        = string
  default     = "ru-central1-a"
}

variable "billing_account_id" {
  description = "Billing account that pays for DataSphere"
  type        = string
}

variable "organization_id" {
  description = "Organization the DataSphere community belongs to"
  type        = string
}

variable "repository" {
  description = "Where the Airflow machine clones this project from"
  type        = string
}
