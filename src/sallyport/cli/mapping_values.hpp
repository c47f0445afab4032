#pragma once
// The values of --map and --stun: which protocols a router is asked by, and which servers see the external address. Pure
// functions; any thread.

#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/reach/mapping.hpp>
#include <sallyport/reach/stun_client.hpp>

namespace sallyport::cli {

/// "pcp,upnp" in that order, "true": all three. Errors name the option.
[[nodiscard]] result<std::vector<reach::mapping_protocol>> parse_mapping_protocols(const std::string& list);

/// "stun.example.org:3478" each; limits::max_stun_servers at most. Errors name the option.
[[nodiscard]] result<std::vector<reach::stun_server>> parse_stun_servers(const std::vector<std::string>& texts);

}  // namespace sallyport::cli
