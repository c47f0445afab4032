#include <sallyport/frontend/service.hpp>

#include <utility>

namespace sallyport::frontend {

service::service(net::loop_group& loops, const service_settings& s, std::shared_ptr<shared_state> shared,
                 descriptor_need need)
    : shared_(std::move(shared)),
      frontend_(loops, s.admission, s.passive_data.ports.proxies, shared_->passive_data.single(), shared_->counters, need) {}

// Sessions that have not ended keep the shared state until the loops are destroyed.
service::~service() { shared_->passive_data.stop(); }

void service::apply(const service_settings& fresh) {
    shared_->passive_data.set_addresses(fresh.passive_data.addresses);
    frontend_.set_rules(fresh.admission);
}

void service::stop(std::chrono::milliseconds grace, stop_handler done) {
    frontend_.stop(grace, [shared = shared_, done = std::move(done)](bool all_ended) mutable {
        shared->passive_data.stop();
        shared->passive_data.end_mappings([done = std::move(done), all_ended]() mutable { done(all_ended); });
    });
}

}  // namespace sallyport::frontend
