#pragma once
// Commands of the shell in the background: each is a client command in a process of its own, with connections of its own,
// whose output is kept until it has ended.
//
// Owned by the shell; the main thread. A process that has ended is known once one of the calls asks for it. Errors: a
// process cannot be started.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport::cli {

class shell_jobs {
public:
    /// Runs this program with these arguments; `password` is passed in its environment. Returns the number of the job.
    [[nodiscard]] result<int> start(std::string title, std::vector<std::string> arguments, const std::string& password);

    /// One line for each job that has not been reported.
    [[nodiscard]] std::string list() const;
    [[nodiscard]] std::vector<int> numbers() const;
    /// Prints the output and the results of those that have ended. True: there were some.
    bool report_ended();
    /// The same for this job, when it has ended, which Ctrl-C demands. Its exit code; nothing if there is no such job.
    [[nodiscard]] std::optional<int> wait_for(int number);
    /// Demands its end, as Ctrl-C does. False: there is no such job.
    [[nodiscard]] bool kill(int number) const;

private:
    struct job {
        int number = 0;
        std::string title;
        ::pid_t process = 0;
        unique_fd output;
    };
    static int report(const job& ended, int status);

    std::vector<job> jobs_;
    int last_number_ = 0;
};

}  // namespace sallyport::cli
