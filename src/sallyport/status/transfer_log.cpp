#include <sallyport/status/transfer_log.hpp>

#include <utility>

#include <fmt/format.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>

namespace sallyport::status {

result<std::shared_ptr<transfer_log>> transfer_log::open(std::string file, record_format format) {
    auto lines = line_writer::open(file, {.thread = "transfer-log",
                                          .queue = limits::max_queued_records,
                                          .report = [](std::string_view line) { log::error({}, line); }});
    if (!lines) return fail_os(lines.error().os, fmt::format("cannot write the transfer log {}", file));
    return std::make_shared<transfer_log>(std::move(*lines), format);
}

transfer_log::transfer_log(std::unique_ptr<line_writer> lines, record_format format)
    : format_(format), lines_(std::move(lines)) {}

void transfer_log::write(transfer_record r) {
    r.ended_at = std::chrono::system_clock::now();
    if (const auto line = line_of(r, format_); !line.empty()) lines_->write(log::level::info, line);
}

void transfer_log::reopen() noexcept { lines_->reopen(); }

bool transfer_log::flush(std::chrono::steady_clock::time_point until) noexcept { return lines_->flush(until); }

}  // namespace sallyport::status
