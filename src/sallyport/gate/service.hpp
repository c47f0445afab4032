#pragma once
// What the sessions of one gateway share. Each part guards itself; any thread.

#include <atomic>
#include <cstdint>
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
          backends(config.backends, config.spread),
          ports(loops, {.range = config.passive_ports}, counts),
          advisor(loops.at(0), config.external_address) {}

    const settings config;
    status::counters& counters;
    pool backends;
    reach::port_broker ports;
    reach::address_advisor advisor;
    std::atomic<std::uint64_t> next_id{1};
};

}  // namespace sallyport::gate
