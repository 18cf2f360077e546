import "@mantine/core/styles/baseline.css";
import "@mantine/core/styles/default-css-variables.css";
import "@mantine/core/styles/global.css";
import "@mantine/core/styles/UnstyledButton.css";
import "@mantine/core/styles/Loader.css";
import "@mantine/core/styles/Button.css";
import "@mantine/core/styles/Input.css";
import "./app/app.css";
import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { queryClient } from "./api/queries";
import { startNotifications } from "./app/notify";
import { router } from "./app/router";
import { SignedIn } from "./app/SignedIn";
import { mantineTheme, useScheme } from "./app/theme";
import { follow } from "./live";
import { startLanguage } from "./text";
import { makeAnnouncer } from "./ui/announce";
import { Toasts } from "./ui/toasts";

function App() {
  return (
    <MantineProvider theme={mantineTheme} forceColorScheme={useScheme()} deduplicateCssVariables>
      <QueryClientProvider client={queryClient}>
        <SignedIn>
          <RouterProvider router={router} />
        </SignedIn>
        <Toasts />
      </QueryClientProvider>
    </MantineProvider>
  );
}

makeAnnouncer();
const place = document.getElementById("root");
if (!place) throw new Error("the page has no #root");
void startLanguage().then(() => {
  follow();
  startNotifications();
  createRoot(place).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
});
