#pragma once
// Passive data connections as server and gateway offer them to their clients: a port that is promised, and the address and
// port number to tell. Any thread; the loops and the counters must outlive it.

#include <memory>
#include <mutex>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/reach/address_advisor.hpp>
#include <sallyport/reach/port_broker.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::reach {

struct passive_settings {
    broker_settings ports;
    std::vector<address_rule> addresses;  // for 227
};

struct passive_offer {
    reservation port;
    endpoint told;
};

class passive {
public:
    passive(net::loop_group& loops, passive_settings settings, status::counters& counters);

    /// For a session on `home` whose client came to `local`. Without an address where it is `extended` (EPSV): the one that
    /// the client reached. errc::exhausted where no port is left; errc::unsupported where a 227 can't be given.
    [[nodiscard]] result<passive_offer> offer(net::loop& home, const ip_address& local, const visitor& to, bool extended);

    [[nodiscard]] port_broker& ports() noexcept { return ports_; }

    /// Logs what is odd about the ports (port_report), for a daemon that listens there.
    void report(const std::vector<endpoint>& listening);
    void start();
    /// For the offers to come; on the first loop. What names are known to be stays known.
    void set_addresses(const std::vector<address_rule>& rules);
    /// While the loops are there; again does nothing.
    void stop();

private:
    [[nodiscard]] std::shared_ptr<address_advisor> advisor() const;

    net::loop_group& loops_;
    const broker_settings settings_;
    port_broker ports_;
    mutable std::mutex mutex_;
    std::vector<address_rule> rules_;
    std::shared_ptr<address_advisor> advisor_;
};

}  // namespace sallyport::reach
