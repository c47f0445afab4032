#pragma once
// The kernel's table of openings, which the helper process has.
//
// Owned by firewall::openings; threads as for firewall::table: changes and queries have a connection each.

#include <memory>
#include <string>
#include <utility>

#include <sallyport/firewall/table.hpp>
#include <sallyport/helper/channel.hpp>

namespace sallyport::helper {

class remote_table final : public firewall::table {
public:
    remote_table(std::shared_ptr<channel> queries, std::shared_ptr<channel> changes)
        : queries_(std::move(queries)), changes_(std::move(changes)) {}

    [[nodiscard]] result<void> commit(std::span<const firewall::change> changes) override;
    [[nodiscard]] std::optional<result<void>> commit_within(std::span<const firewall::change> changes,
                                                            std::chrono::microseconds moment) override;
    [[nodiscard]] result<void> finish() override;
    [[nodiscard]] bool can_begin() const noexcept override { return true; }
    [[nodiscard]] std::optional<std::chrono::milliseconds> remaining(const firewall::opening& o) override;
    [[nodiscard]] firewall::opening_use use_of(const firewall::opening& o) override;

private:
    [[nodiscard]] std::optional<std::int32_t> query(request_kind kind, const firewall::opening& o);

    const std::shared_ptr<channel> queries_;
    const std::shared_ptr<channel> changes_;
    // What commit_within() has begun, for the text of an error.
    std::string begun_;
};

}  // namespace sallyport::helper
