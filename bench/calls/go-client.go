// go-libvirt under load: goroutines that ask for the host's name over one connection.
//
//	go-client SOCKET GOROUTINES MILLISECONDS      prints calls, wall time and CPU time, both in microseconds
package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	libvirt "github.com/digitalocean/go-libvirt"
)

func main() {
	connection, err := net.Dial("unix", os.Args[1])
	check(err)
	client := libvirt.New(connection)
	check(client.ConnectToURI(libvirt.TestDefault))
	callers, err := strconv.Atoi(os.Args[2])
	check(err)
	milliseconds, err := strconv.Atoi(os.Args[3])
	check(err)

	began, spent := time.Now(), cpu()
	deadline := began.Add(time.Duration(milliseconds) * time.Millisecond)
	var calls int64
	var done sync.WaitGroup
	for i := 0; i < callers; i++ {
		done.Add(1)
		go func() {
			defer done.Done()
			for time.Now().Before(deadline) {
				_, err := client.ConnectGetHostname()
				check(err)
				atomic.AddInt64(&calls, 1)
			}
		}()
	}
	done.Wait()
	fmt.Println(calls, time.Since(began).Microseconds(), cpu()-spent)
}

func cpu() int64 {
	var used syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return (used.Utime.Nano() + used.Stime.Nano()) / 1000
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
