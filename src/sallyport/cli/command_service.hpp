#pragma once
// Runs a service as a daemon for ops: turns the options of its command into settings, at the start and at each reload.
// The command owns it for its whole run. Threads: see ops/run_daemon.hpp.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sallyport/cli/daemon_options.hpp>
#include <sallyport/cli/load_options.hpp>
#include <sallyport/helper/client.hpp>
#include <sallyport/ops/run_daemon.hpp>

namespace CLI {
class App;
}

namespace sallyport::cli {

/// Reads the configuration file, if one was named. REQUIRES: the command line was parsed.
[[nodiscard]] result<config_locations> prepare(CLI::App& command, const daemon_options& options,
                                               account_sections* accounts = nullptr);

/// Starts the helper process with what these options permit; it is the one of this process from now on
/// (base/helper_process.hpp). Call it after prepare() and before prepare_confinement().
[[nodiscard]] result<std::shared_ptr<helper::client>> start_helper(const daemon_options& options,
                                                                   const confinement_needs& needs);

/// Starts the log's thread, so call it after prepare_confinement().
[[nodiscard]] result<void> open_log(const daemon_options& options);

/// The plan of a daemon of this kind ("gate"): name, threads, timeouts, control socket, page. Reads the page's password
/// file, so call it before the rights are given up.
[[nodiscard]] result<ops::daemon_plan> plan_of(const std::string& kind, const daemon_options& options);

/// The options as comparable settings, marked as secret or as requiring a restart, with the source texts of
/// ops::loaded_settings.
[[nodiscard]] ops::loaded_settings describe(const option_values& given, const frontend::service_settings& settings);

/// Whether a reload can apply these options: what needs a right that was given up at the start needs a restart.
[[nodiscard]] result<void> check_rights(const option_values& at_start, const option_values& fresh);

template <class Options, class Service>
class command_service final : public ops::service_source {
public:
    using settings = settings_of<Options>;

    /// `on_command_line` has the options without the configuration file, `given` with it; `first` was made from `given`.
    /// `first` and the settings of each reload are completed with `use_helper`; `report` logs the start report.
    command_service(std::string kind, option_values on_command_line, option_values given, settings first,
                    std::function<void(settings&)> use_helper, std::function<void(const std::vector<endpoint>&)> report)
        : kind_(std::move(kind)),
          on_command_line_(std::move(on_command_line)),
          given_(std::move(given)),
          use_helper_(std::move(use_helper)),
          report_(std::move(report)),
          first_(completed(std::move(first))) {}

    [[nodiscard]] ops::loaded_settings first_settings() const override { return describe(given_, first_); }

    [[nodiscard]] std::unique_ptr<frontend::service> make_service(net::loop_group& loops,
                                                                  status::counters& counters) override {
        auto made = std::make_unique<Service>(loops, first_, counters);
        service_ = made.get();
        return made;
    }

    void on_start(const std::vector<endpoint>& listening) override { report_(listening); }

    [[nodiscard]] result<ops::loaded_settings> load_settings() override {
        const auto possible = [this](const option_values& fresh) { return check_rights(given_, fresh); };
        auto fresh = load_options<Options>(kind_, on_command_line_, possible);
        if (!fresh) return std::unexpected(fresh.error());
        auto out = describe(fresh->given, fresh->settings);
        out.apply = ops::apply_to(*service_, completed(std::move(fresh->settings)));
        return out;
    }

private:
    [[nodiscard]] settings completed(settings from) const {
        use_helper_(from);
        return from;
    }

    const std::string kind_;
    const option_values on_command_line_;
    const option_values given_;
    const std::function<void(settings&)> use_helper_;
    const std::function<void(const std::vector<endpoint>&)> report_;
    const settings first_;
    Service* service_ = nullptr;
};

}  // namespace sallyport::cli
