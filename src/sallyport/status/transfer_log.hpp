#pragma once
// The file that gets one line for each transfer. write() only queues: a thread of its own waits for the disk, so a slow or
// full one costs lines, which are counted and told to the log, and never holds up a transfer.

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/status/transfer_record.hpp>

namespace sallyport::status {

class transfer_log {
public:
    /// Appends to `file`, which is made where it is not there.
    [[nodiscard]] static result<std::shared_ptr<transfer_log>> open(std::string file, record_style style);
    transfer_log(std::string file, record_style style, unique_fd opened);
    /// Writes what is left.
    ~transfer_log();
    transfer_log(const transfer_log&) = delete;
    transfer_log& operator=(const transfer_log&) = delete;

    /// Any thread. The time of the end is set here.
    void write(transfer_record r);
    /// Any thread: before the next line the file is opened anew by its name, after it was moved away. Where that fails, the
    /// old one stays in use and the log says so.
    void reopen();

private:
    void run();
    void append(const std::vector<transfer_record>& records);
    void open_anew();

    const std::string file_;
    const record_style style_;
    unique_fd opened_;  // the writer's
    std::mutex mutex_;
    std::condition_variable news_;
    std::vector<transfer_record> queue_;
    std::size_t lost_ = 0;  // found no room in the queue
    bool reopen_ = false;
    bool stopping_ = false;
    std::thread writer_;
};

}  // namespace sallyport::status
