#include <sallyport/status/transfer_log.hpp>

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>

namespace sallyport::status {
namespace {

result<unique_fd> open_for_appending(const std::string& file) {
    unique_fd opened(::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640));
    if (!opened) return fail_os(errno, fmt::format("cannot write the transfer log {}", file));
    return opened;
}

}  // namespace

result<std::shared_ptr<transfer_log>> transfer_log::open(std::string file, record_style style) {
    auto opened = open_for_appending(file);
    if (!opened) return std::unexpected(opened.error());
    return std::make_shared<transfer_log>(std::move(file), style, std::move(*opened));
}

transfer_log::transfer_log(std::string file, record_style style, unique_fd opened)
    : file_(std::move(file)), style_(style), opened_(std::move(opened)), writer_([this] { run(); }) {}

transfer_log::~transfer_log() {
    {
        const std::scoped_lock lock(mutex_);
        stopping_ = true;
    }
    news_.notify_one();
    writer_.join();
}

void transfer_log::write(transfer_record r) {
    r.ended = std::chrono::system_clock::now();
    {
        const std::scoped_lock lock(mutex_);
        if (queue_.size() >= limits::transfer_records) {
            ++lost_;
            return;
        }
        queue_.push_back(std::move(r));
    }
    news_.notify_one();
}

void transfer_log::reopen() {
    {
        const std::scoped_lock lock(mutex_);
        reopen_ = true;
    }
    news_.notify_one();
}

void transfer_log::run() {
    pthread_setname_np(pthread_self(), "transfer-log");
    std::unique_lock lock(mutex_);
    for (;;) {
        news_.wait(lock, [this] { return stopping_ || reopen_ || !queue_.empty(); });
        const auto records = std::exchange(queue_, {});
        const auto lost = std::exchange(lost_, 0);
        const bool anew = std::exchange(reopen_, false);
        const bool last = stopping_;
        lock.unlock();
        if (anew) open_anew();
        append(records);
        if (lost != 0)
            log::error({}, fmt::format("{} transfers are missing in {}: the disk was too slow for them", lost, file_));
        if (last) return;
        lock.lock();
    }
}

void transfer_log::append(const std::vector<transfer_record>& records) {
    std::string text;
    for (const auto& r : records) text += line_of(r, style_) + '\n';
    std::string_view left = text;
    while (!left.empty()) {
        const auto n = ::write(opened_.get(), left.data(), left.size());
        if (n >= 0) {
            left.remove_prefix(static_cast<std::size_t>(n));
        } else if (errno != EINTR) {
            const error why{from_errno(errno), errno, {}};
            return log::error({}, fmt::format("{} transfers are missing in {}: {}; free some room there", records.size(),
                                              file_, why.text()));
        }
    }
}

void transfer_log::open_anew() {
    auto opened = open_for_appending(file_);
    if (opened)
        opened_ = std::move(*opened);
    else
        log::error({}, fmt::format("{}; records go on into the old file", opened.error().text()));
}

}  // namespace sallyport::status
