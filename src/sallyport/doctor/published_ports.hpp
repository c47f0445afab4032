#pragma once
// Readers of what publishes the ports of a server in a container, in YAML or JSON: files of Docker Compose and the output of
// 'docker compose config'; manifests of Kubernetes and the output of 'kubectl get' (rows 35 and 36 of the symptoms).
//
// Pure functions; any thread.
//
// The result has the TCP ports of the service that publishes a control port. If none does, and a service shares the network
// of its host, its ports are those of the host, and the publisher is port_publisher::none. Otherwise it has the ports of all
// services. Entries without a number outside, which the engine then chooses, are left out.
//
// errc::syntax: "line 7: the cause; the next step". errc::too_long: as in yaml_value.hpp.

#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/diagnosis/server_facts.hpp>

namespace sallyport::doctor {

/// The short and the long form of ports (https://docs.docker.com/reference/compose-file/services/#ports). Variables,
/// "extends" and "include" are refused, because only Compose itself resolves them.
[[nodiscard]] result<diagnosis::server_facts> read_compose(std::string_view text);
/// Services, and pods with "hostPort" or "hostNetwork": in a document each, or in a List.
[[nodiscard]] result<diagnosis::server_facts> read_kubernetes(std::string_view text);

}  // namespace sallyport::doctor
