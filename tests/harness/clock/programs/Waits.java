import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Waits in the ways that Java programs wait, and says how long each wait took by the program's own clock.
 *
 * <p>java Waits.java KIND SECONDS COUNT: prints "ready", reads a line, then prints one figure for each wait.
 */
public class Waits {
    interface Wait {
        void of(long milliseconds) throws Exception;
    }

    static final ScheduledExecutorService SCHEDULER = Executors.newScheduledThreadPool(1);

    static final Map<String, Wait> KINDS =
            Map.of(
                    "sleep", Thread::sleep,
                    "scheduler", ms -> SCHEDULER.schedule(() -> {}, ms, TimeUnit.MILLISECONDS).get(),
                    "socket", Waits::socket,
                    "orTimeout", Waits::orTimeout,
                    "monitor", Waits::monitor,
                    "parkUntil", Waits::parkUntil);

    static void socket(long ms) throws IOException {
        try (ServerSocket silent = new ServerSocket(0, 8, InetAddress.getLoopbackAddress());
                Socket socket = new Socket(silent.getInetAddress(), silent.getLocalPort())) {
            socket.setSoTimeout((int) ms);
            socket.getInputStream().read();
        } catch (SocketTimeoutException expected) {
            // the end of the wait
        }
    }

    static void orTimeout(long ms) {
        try {
            new CompletableFuture<Void>().orTimeout(ms, TimeUnit.MILLISECONDS).join();
        } catch (CompletionException expected) {
            // the end of the wait
        }
    }

    static void monitor(long ms) throws InterruptedException {
        Object nobody = new Object();
        synchronized (nobody) {
            nobody.wait(ms);
        }
    }

    static void parkUntil(long ms) {
        long moment = System.currentTimeMillis() + ms;
        while (System.currentTimeMillis() < moment) {
            LockSupport.parkUntil(moment);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Wait wait = KINDS.get(arguments[0]);
        long milliseconds = Math.round(Double.parseDouble(arguments[1]) * 1000);
        wait.of(1); // the first one loads classes
        System.out.println("ready");
        System.in.read();
        for (int i = 0; i < Integer.parseInt(arguments[2]); i++) {
            long begun = System.nanoTime();
            wait.of(milliseconds);
            System.out.printf("%.6f%n", (System.nanoTime() - begun) / 1e9);
        }
        System.exit(0);
    }
}
