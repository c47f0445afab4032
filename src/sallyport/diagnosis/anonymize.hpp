#pragma once
// Hides the addresses, names and paths of a saved run, so that it can be sent to others. The same address always becomes the
// same substitute, and keeps its kind: private, of a container's bridge, public. Pure functions on values; any thread.

#include <string_view>

#include <sallyport/diagnosis/facts.hpp>

namespace sallyport::diagnosis {

/// Rules give the same verdicts for the result, with other addresses in their texts. `user` is the login name, which servers
/// quote; empty if it is not known.
[[nodiscard]] facts anonymized(facts known, std::string_view user = {});

}  // namespace sallyport::diagnosis
