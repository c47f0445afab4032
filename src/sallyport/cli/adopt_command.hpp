#pragma once
// sallyport gate adopt: finds rules of the administrator that assign the kernel's FTP helper to control connections before
// the gateway can, and removes them on request.
//
// A function for the main thread; the arguments must outlive the parsing of the command line.

namespace CLI {
class App;
}

namespace sallyport::cli {

void add_adopt(CLI::App& gate, int& exit_code);

}  // namespace sallyport::cli
