#pragma once
// How a command runs its service: asked and told things through the control socket and by signals, replaced by a new
// program, or come in the place of an old one (G6).

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include <sallyport/cli/control.hpp>
#include <sallyport/cli/daemon.hpp>
#include <sallyport/cli/handover.hpp>
#include <sallyport/cli/operation_options.hpp>
#include <sallyport/cli/reload.hpp>

namespace sallyport::cli {

struct running_service {
    std::string_view kind;  // "gate"; its socket's name by default
    daemon& host;
    const operation_options& operation;
    reloader& reloading;
    std::shared_ptr<status_source> source;
};

/// A service that has started, to its end. The exit code.
[[nodiscard]] int run_service(const running_service& service);

}  // namespace sallyport::cli
