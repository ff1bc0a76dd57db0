# A private subnet that reaches out through NAT; from outside only SSH of the administrator comes in.

resource "yandex_vpc_network" "main" {
  name = var.name
}

resource "yandex_vpc_gateway" "out" {
  name = "${var.name}-out"
  shared_egress_gateway {}
}

resource "yandex_vpc_route_table" "out" {
  name       = "${var.name}-out"
  network_id = yandex_vpc_network.main.id

  static_route {
    destination_prefix = "0.0.0.0/0"
    gateway_id         = yandex_vpc_gateway.out.id
  }
}

resource "yandex_vpc_subnet" "main" {
  name           = var.name
  zone           = var.zone
  network_id     = yandex_vpc_network.main.id
  route_table_id = yandex_vpc_route_table.out.id
  v4_cidr_blocks = ["10.20.0.0/24"]
}

# Data Processing creates no cluster whose hosts cannot reach each other and the cloud's own services.
resource "yandex_vpc_security_group" "cluster" {
  name       = "${var.name}-cluster"
  network_id = yandex_vpc_network.main.id

  ingress {
    description       = "Hosts of one cluster among themselves"
    protocol          = "ANY"
    predefined_target = "self_security_group"
  }

  egress {
    description       = "Hosts of one cluster among themselves"
    protocol          = "ANY"
    predefined_target = "self_security_group"
  }

  egress {
    description    = "Object Storage and the service itself"
    protocol       = "TCP"
    port           = 443
    v4_cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "yandex_vpc_security_group" "airflow" {
  name       = "${var.name}-airflow"
  network_id = yandex_vpc_network.main.id

  ingress {
    description    = "SSH of the administrator; the pages come through it as a tunnel"
    protocol       = "TCP"
    port           = 22
    v4_cidr_blocks = [var.admin_cidr]
  }

  egress {
    protocol       = "ANY"
    v4_cidr_blocks = ["0.0.0.0/0"]
  }
}
