#pragma once
// Readers of what publishes the ports of a server in a container: the output of 'docker compose config --format json', and
// objects of Kubernetes as 'kubectl get -o json' prints them (rows 35 and 36 of the symptoms).
//
// Pure functions; any thread. What is not understood is left out.

#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/diagnosis/server_facts.hpp>

namespace sallyport::doctor {

/// The TCP ports of the service that publishes a control port, or of all services if none does. errc::syntax: it is no such
/// output.
[[nodiscard]] result<diagnosis::server_facts> read_compose(std::string_view text);
/// A Service, or the Services of a List.
[[nodiscard]] result<diagnosis::server_facts> read_kubernetes(std::string_view text);

}  // namespace sallyport::doctor
