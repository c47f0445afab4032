#pragma once
// What the sessions of one gateway share. Each part guards itself; any thread.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include <sallyport/gate/gate.hpp>
#include <sallyport/gate/pool.hpp>
#include <sallyport/reach/address_advisor.hpp>
#include <sallyport/reach/port_broker.hpp>

namespace sallyport::gate {

struct service {
    service(net::loop_group& loops, settings s, status::counters& counts)
        : config(std::move(s)),
          counters(counts),
          backends(config.backends, config.policy, config.backend_rest),
          ports(loops, {.range = config.passive_ports}, counts),
          advisor(std::in_place, loops.at(0), config.external_address) {}

    const settings config;
    status::counters& counters;
    pool backends;
    reach::port_broker ports;
    std::optional<reach::address_advisor> advisor;  // bound to a loop: taken down with the gate, before the loops
    std::atomic<std::uint64_t> next_id{1};
    std::atomic<std::size_t> open{0};  // sessions, of all loops
};

}  // namespace sallyport::gate
