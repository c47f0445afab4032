#include <sallyport/front/service.hpp>

#include <utility>

namespace sallyport::front {

service::service(net::loop_group& loops, const service_settings& s, std::shared_ptr<shared_state> shared,
                 descriptor_need need)
    : shared_(std::move(shared)),
      front_(loops, s.admit, s.inbound.ports.proxies, shared_->inbound.single(), shared_->counters, need) {}

// Sessions that never got to their end keep what is shared until the loops are destroyed.
service::~service() { shared_->inbound.stop(); }

void service::apply(const service_settings& fresh) {
    shared_->inbound.set_addresses(fresh.inbound.addresses);
    front_.set_rules(fresh.admit);
}

void service::stop(std::chrono::milliseconds grace, stopped done) {
    front_.stop(grace, [shared = shared_, done = std::move(done)](bool all_ended) mutable {
        shared->inbound.stop();
        done(all_ended);
    });
}

}  // namespace sallyport::front
