#pragma once
// The transfer log: a file with one line per finished transfer (transfer_record.hpp). A thread of its own writes the lines
// (base/line_writer.hpp): a slow or full disk costs lines, which are counted and reported in the log, but never delays a
// transfer.
//
// Shared by the settings of the sessions that write to it, and lives as long as one of them. All functions are safe from any
// thread, and only flush() waits.

#include <chrono>
#include <memory>
#include <string>

#include <sallyport/base/error.hpp>
#include <sallyport/base/line_writer.hpp>
#include <sallyport/status/transfer_record.hpp>

namespace sallyport::status {

class transfer_log {
public:
    /// Appends to `file`, which is created if it does not exist.
    [[nodiscard]] static result<std::shared_ptr<transfer_log>> open(std::string file, record_format format);
    transfer_log(std::unique_ptr<line_writer> lines, record_format format);

    /// Sets the time of the end and queues the record.
    void write(transfer_record r);
    /// Reopens the file by its name after rotation, after the lines that were queued before. If that fails, the old file
    /// stays in use and the failure is logged.
    void reopen() noexcept;
    /// Waits until all records are written. Returns false if they are not by `until`.
    bool flush(std::chrono::steady_clock::time_point until) noexcept;

private:
    const record_format format_;
    const std::unique_ptr<line_writer> lines_;
};

}  // namespace sallyport::status
