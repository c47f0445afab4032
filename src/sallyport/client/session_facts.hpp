#pragma once
// What a client knows of its session as facts for the rules of the diagnosis. Pure functions on values; any thread.

#include <sallyport/client/advice.hpp>
#include <sallyport/diagnosis/facts.hpp>

namespace sallyport::client {

/// One attempt to open a data connection. `tls`: the control connection is encrypted.
[[nodiscard]] diagnosis::method_facts facts_of(const attempt& a, bool tls);

/// A call that failed at the data connection.
[[nodiscard]] diagnosis::facts facts_of(const failure_context& known);

}  // namespace sallyport::client
