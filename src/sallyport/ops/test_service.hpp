#pragma once
// A service for the tests of ops: it listens and closes every connection. Owned by the test; used on the first loop.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sallyport/frontend/service.hpp>

namespace sallyport::ops {

class test_service final : public frontend::service {
public:
    test_service(net::loop_group& loops, frontend::service_settings s, status::counters& counters)
        : service(loops, s, std::make_shared<frontend::shared_state>(loops, s, counters), {}), settings_(std::move(s)) {}

    [[nodiscard]] result<void> start() override {
        if (auto open = sessions().open(settings_.listen, {}); !open) return open;
        sessions().run([](frontend::admitted_connection) {});
        return {};
    }
    void set_down_backends(std::vector<std::string> names) override { down_ = std::move(names); }
    [[nodiscard]] std::vector<std::string> down_backends() const override { return down_; }
    [[nodiscard]] result<std::vector<std::string>> reload(frontend::service_settings s) {
        apply(s);
        return std::vector<std::string>{"reloaded"};
    }

private:
    frontend::service_settings settings_;
    std::vector<std::string> down_;
};

}  // namespace sallyport::ops
