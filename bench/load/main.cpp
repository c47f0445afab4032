// sallyport_load: measures an FTP server on the loopback interface. bench/run drives it; by hand, for example:
//   sallyport_load get --port 2121 --path big --seconds 3
// Exit codes: 0 measured (look at "errors"), 1 nothing could be measured, 2 wrong options.

#include <csignal>
#include <cstdio>

#include <sys/resource.h>
#include <unistd.h>

#include <load/modes.hpp>

namespace {

using namespace sallyport::load;

void print(measurement& out) {
    if (out.errors() > 0) std::fprintf(stderr, "sallyport_load: %s\n", out.first_error().c_str());
    std::puts(out.json().c_str());
    std::fflush(stdout);
}

void hold_until_input_ends(measurement& out) {
    print(out);
    char byte = 0;
    while (::read(STDIN_FILENO, &byte, 1) > 0) continue;
}

void raise_descriptor_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
    int exit_code = 0;
    const auto wanted = parse_options(argc, argv, exit_code);
    if (!wanted) return exit_code;
    std::signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    measurement out;
    const auto measured = run(*wanted, out, hold_until_input_ends);
    if (!measured) {
        std::fprintf(stderr, "sallyport_load: %s\n", measured.error().text().c_str());
        return 1;
    }
    if (wanted->what != mode::hold) print(out);
    return out.operations() > 0 ? 0 : 1;
}
