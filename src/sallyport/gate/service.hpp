#pragma once
// What the sessions of one gateway share. Each part guards itself; any thread.

#include <atomic>
#include <cstdint>
#include <utility>

#include <sallyport/gate/gate.hpp>
#include <sallyport/gate/health_check.hpp>
#include <sallyport/gate/pool.hpp>
#include <sallyport/reach/address_advisor.hpp>
#include <sallyport/reach/port_broker.hpp>

namespace sallyport::gate {

struct service {
    service(net::loop_group& loops, settings s, status::counters& counts)
        : config(std::move(s)),
          counters(counts),
          backends(config.backends, config.spread),
          checks(loops.at(0), config.backends.size()),
          ports(loops, {.range = config.passive_ports, .proxies = config.proxies}, counts),
          advisor(loops.at(0), config.external_address) {}

    // What is learned of a backend goes to the pool; what changes by it, to the log.
    void backend_failed(std::size_t index, const backend_failure& why);
    void backend_answered(std::size_t index, witness by, net::clock::duration after);

    const settings config;
    status::counters& counters;
    pool backends;
    health_checks checks;
    reach::port_broker ports;
    reach::address_advisor advisor;
    std::atomic<std::uint64_t> next_id{1};
};

}  // namespace sallyport::gate
