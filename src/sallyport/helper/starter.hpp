#pragma once
// Starts the new process of a graceful restart by request: the program that the daemon itself is, and no other one.
//
// Owned by the helper process; one thread.

#include <csignal>
#include <span>
#include <string>

#include <sallyport/base/unique_fd.hpp>
#include <sallyport/helper/serve.hpp>
#include <sallyport/helper/successor.hpp>

namespace sallyport::helper {

class starter {
public:
    /// `signals`: the signal mask of the program.
    starter(std::string program, const sigset_t& signals) : program_(std::move(program)), signals_(signals) {}

    [[nodiscard]] answer handle(const request& r, std::span<unique_fd> descriptors);

private:
    [[nodiscard]] answer add_socket(unique_fd socket);
    [[nodiscard]] answer add_down_backend(const request& r);
    [[nodiscard]] answer start_successor(int connection);
    [[nodiscard]] answer end_successor() const;
    [[nodiscard]] answer successor_status();

    const std::string program_;
    const sigset_t signals_;
    successor next_;
    // The process that was started last, until its status was returned.
    int pid_ = 0;
};

}  // namespace sallyport::helper
