#include <load/options.hpp>

#include <map>

#include <arpa/inet.h>

#include <CLI/CLI.hpp>

namespace sallyport::load {
namespace {

const std::map<std::string, mode> modes = {
    {"sessions", mode::sessions}, {"get", mode::get},   {"share", mode::share}, {"put", mode::put},   {"noop", mode::noop},
    {"list", mode::list},         {"mlsd", mode::mlsd}, {"hold", mode::hold},   {"pasv", mode::pasv},
};

bool needs_path(mode what) { return what != mode::noop && what != mode::pasv && what != mode::hold; }

}  // namespace

sockaddr_in options::address(std::uint16_t at_port) const {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(at_port);
    ::inet_pton(AF_INET, host.c_str(), &out.sin_addr);
    return out;
}

std::optional<sockaddr_in> options::source(unsigned index) const {
    if (sources <= 1) return std::nullopt;
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK + index % sources);
    return out;
}

std::optional<options> parse_options(int argc, char** argv, int& exit_code) {
    options out;
    CLI::App app("Load generator for FTP servers on the loopback interface; prints one line of JSON.");
    app.add_option("MODE", out.what, "What to do")->required()->transform(CLI::CheckedTransformer(modes));
    app.add_option("--host", out.host, "IPv4 address of the server")->check(CLI::ValidIPV4)->capture_default_str();
    app.add_option("--port", out.port, "Its control port")->required();
    app.add_option("--user", out.user, "User name")->capture_default_str();
    app.add_option("--pass", out.password, "Password")->capture_default_str();
    app.add_option("--path", out.path, "File or directory; put adds the number of the connection, which has its own file");
    app.add_option("--expect", out.expected, "get, share: before anything is measured, one download must equal this file")
        ->check(CLI::ExistingFile);
    app.add_option("--size", out.size, "Bytes of an uploaded file")->capture_default_str();
    app.add_flag("--tls", out.tls, "AUTH TLS and PROT P; data connections resume the control connection's session");
    app.add_option("--connections", out.connections, "Sessions at a time")
        ->check(CLI::Range(1, 50000))
        ->capture_default_str();
    app.add_option("--seconds", out.seconds, "How long; operations begun by then are finished, but cut off by share")
        ->capture_default_str();
    app.add_option("--count", out.count, "How many operations, in place of --seconds");
    app.add_option("--sources", out.sources, "Local addresses to use, 127.0.0.1 and up")
        ->check(CLI::Range(1, 200))
        ->capture_default_str();
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& problem) {
        exit_code = app.exit(problem) == 0 ? 0 : 2;
        return std::nullopt;
    }
    if (needs_path(out.what) && out.path.empty()) {
        std::cerr << "this mode needs --path\n";
        exit_code = 2;
        return std::nullopt;
    }
    if (out.what == mode::hold && !out.count) {
        std::cerr << "hold needs --count, the number of sessions\n";
        exit_code = 2;
        return std::nullopt;
    }
    return out;
}

}  // namespace sallyport::load
