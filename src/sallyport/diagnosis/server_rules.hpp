#pragma once
// Rules about a server on this host, whether or not it runs ('doctor --server'). Their ids are in the same table as those of
// rules.hpp. Pure functions on values; any thread.

#include <span>
#include <vector>

#include <sallyport/diagnosis/server_facts.hpp>
#include <sallyport/diagnosis/verdict.hpp>

namespace sallyport::diagnosis {

/// The rows of their ids.
[[nodiscard]] std::span<const explanation> server_explanations() noexcept;

/// The verdicts of these rules: problems before notes, and the surer ones first.
[[nodiscard]] std::vector<verdict> judge(const server_facts& known);

}  // namespace sallyport::diagnosis
