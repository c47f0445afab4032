#pragma once
// A destination that one client has chosen, by naming it or by connecting to it. The next client may choose another one, so
// nothing is learned about it.
//
// Owned by the session; loop thread only.

#include <functional>
#include <memory>
#include <utility>

#include <sallyport/gate/destination.hpp>

namespace sallyport::gate {

class unshared_maker final : public destination::maker {
public:
    explicit unshared_maker(backend server) : server_(std::move(server)) {}

    [[nodiscard]] const backend& parameters() const override { return server_; }
    void responded(net::clock::duration /*response_time*/) override {}
    void failed(const backend_failure& /*failure*/) override {}
    void suspected() override {}
    [[nodiscard]] proto::method_set refused_methods() const override { return {}; }
    void learn_refused_methods(proto::method_set /*refused*/) override {}
    // No other session waits for it.
    void waits_for_user(net::deadline /*now*/, std::function<void()> /*end_session*/) override {}
    void user_received() override {}

private:
    const backend server_;
};

[[nodiscard]] inline destination unshared_destination(backend server) {
    return destination(std::make_unique<unshared_maker>(std::move(server)));
}

}  // namespace sallyport::gate
