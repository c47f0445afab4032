#pragma once
// The rules about ports that a container engine publishes for a server. Private to this directory. Pure functions; any
// thread.

#include <vector>

#include <sallyport/diagnosis/server_facts.hpp>
#include <sallyport/diagnosis/verdict.hpp>

namespace sallyport::diagnosis {

void judge_published_ports(const server_facts& known, std::vector<verdict>& out);

}  // namespace sallyport::diagnosis
