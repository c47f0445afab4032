#pragma once
// The file that gets one line for each transfer (transfer_record.hpp). A slow or full disk costs lines, which are counted
// and reported in the log, and never holds up a transfer: a thread of its own writes them (base/line_writer.hpp).
//
// Shared by the settings of the sessions that write to it, and ends with the last of them. All functions are safe from any
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
    /// Appends to `file`, which is created if there is none.
    [[nodiscard]] static result<std::shared_ptr<transfer_log>> open(std::string file, record_format format);
    transfer_log(std::unique_ptr<line_writer> lines, record_format format);

    /// The time of the end is set here.
    void write(transfer_record r);
    /// After the lines that were written until now the file is opened again by its name, after it was moved away. Where that
    /// fails, the old one stays in use and the log says so.
    void reopen() noexcept;
    /// Waits until all records are written; false where that takes longer than `until`.
    bool flush(std::chrono::steady_clock::time_point until) noexcept;

private:
    const record_format format_;
    const std::unique_ptr<line_writer> lines_;
};

}  // namespace sallyport::status
