// Every English text of the page. A translation replaces this file.
// Texts with a gap are functions, so that the order of words is the text's business.

export const texts = {
  loading: "Loading",
  close: "Close",
  done: "Done",
  back: "Back",
  cancel: "Cancel",
  tryAgain: "Try again",
  connect: (name: string) => `Connect ${name}`,
  dialogTitle: (name: string) => `Connect ${name}`,
  overview: {
    features: "What it does",
    secured: "You can disconnect at any time.",
    limitReached:
      "This app cannot take more connections to this service right now. Please tell the people who run it.",
  },
  accountType: {
    title: "Which account do you want to connect?",
    fallback: (name: string) => `${name} account`,
    described: (name: string, description: string) => `${name} ${description}`,
  },
  packageStep: {
    title: "Install the package first",
    text: (name: string) =>
      `Before you connect, an administrator of your ${name} account must install a package. If that is not you, send them the link.`,
    open: "Open the installation page",
    copy: "Copy the link",
    done: "It is installed, continue",
  },
  credentials: {
    title: (name: string) => `Your ${name} account`,
    intro: (name: string) => `${name} gives you these in its settings.`,
    introBeforeOAuth: (name: string) =>
      `We need this to take you to the right ${name} sign-in page.`,
    submit: "Connect",
    submitBeforeOAuth: "Continue",
    checking: "Checking…",
  },
  oauth: {
    waitingTitle: (name: string) => `Continue in the ${name} window`,
    waiting: (name: string) =>
      `Sign in to ${name} and allow access in the window that opened. This page goes on by itself.`,
    blockedTitle: "Your browser blocked the window",
    blocked: (name: string) =>
      `We open ${name} in a separate window. Allow pop-up windows for this site, then try again.`,
    failedTitle: (name: string) => `${name} was not connected`,
    failed: "The sign-in was cancelled or refused.",
    openAgain: "Open the window again",
    check: "I have finished",
    nothingYet: "The sign-in is not finished yet. Please finish it in the other window.",
  },
  setup: {
    title: "One last step",
    intro: (name: string) => `Choose how ${name} should be used.`,
    submit: "Finish",
    pendingTitle: "Setting up is not finished",
    pending: (name: string) => `${name} is connected, but a few settings are still missing.`,
    resume: "Finish setting up",
  },
  account: {
    choose: "Choose an account",
    add: "Connect another account",
    numbered: (index: number) => `Account ${index}`,
    status: { VALID: "Connected", INVALID: "Needs attention", PENDING: "Not finished" },
  },
  reconnect: {
    title: "This account needs to be connected again",
    text: (name: string) =>
      `${name} no longer accepts our access. Connect it again and your settings stay as they are.`,
    action: "Reconnect",
  },
  tabs: { settings: "Settings", about: "About" },
  settings: {
    general: "General",
    workflows: "Workflows",
    none: "There is nothing to set up. You are all set.",
    saving: "Saving…",
    saved: "Saved",
    failed: (why: string) => `Could not be saved: ${why}`,
    retry: "Retry",
    fillIn: "Fill in the required settings and it turns on by itself.",
  },
  disconnect: {
    action: "Disconnect",
    title: (name: string) => `Disconnect ${name}?`,
    text: (name: string) =>
      `Everything that uses this ${name} account stops, and its settings are removed.`,
    confirm: "Disconnect",
    busy: "Disconnecting…",
  },
  field: {
    optional: "optional",
    help: (title: string) => `Help for ${title}`,
    learnMore: "Learn more",
    show: "Show",
    hide: "Hide",
    copy: "Copy",
    copied: "Copied",
    nothingToCopy: "There is nothing to copy yet.",
    choose: "Choose…",
    search: "Search",
    clear: "Clear",
    refresh: "Refresh the list",
    loading: "Loading…",
    more: "Show more",
    empty: "Nothing found",
    noOptions: "There are no options",
    loadFailed: (why: string) => `The list could not be loaded: ${why}`,
    file: "Choose a file",
    fileReplace: "Replace",
    fileRemove: "Remove",
  },
  mapper: {
    object: "Object",
    applicationField: "Your field",
    integrationField: (name: string) => `${name} field`,
    mapTo: (field: string, name: string) => `${name} field for ${field}`,
    add: "Add a field",
    newField: "Name of the new field",
    create: "Create",
    remove: (label: string) => `Remove ${label}`,
    noFields: "The app that shows this page has not offered any fields.",
  },
  combo: { firstChoose: "Choose the first one first." },
  invalid: {
    required: "This is required.",
    number: "Enter a number.",
    email: "Enter an email address, like name@example.com.",
    url: "Enter a full address, like https://example.com.",
    fileTooLarge: (limit: string) => `The file is too large. The limit is ${limit}.`,
    fileUnreadable: "The file could not be read.",
    incomplete: "Some fields are still empty.",
    scopes: "A required permission is missing.",
  },
  failure: {
    network: "No connection. Check your network and try again.",
    timeout: "It took too long. Please try again.",
    popup_blocked: "Your browser blocked the window.",
    refused: "Something went wrong. Please try again.",
  },
  offline: "You are offline. We go on when the connection is back.",
  signedOut: {
    title: "Your session has ended",
    text: "Close this window and open it again from the app.",
  },
  hosted: {
    done: "All done. You can close this page.",
    choose: "Connect your accounts",
    connected: "Connected",
    leave: "Done",
    empty: "There is nothing to connect here yet.",
    usedLinkTitle: "This link does not work any more",
    usedLink: "It was used already or is too old. Ask for a new one where you got it.",
    brokenTitle: "The page could not be loaded",
  },
} as const;

/** The sentence for a failure: the server's own words when it gave some. */
export function failureText(failure: {
  kind: keyof typeof texts.failure;
  message: string;
}): string {
  return failure.kind === "refused" && failure.message
    ? failure.message
    : texts.failure[failure.kind];
}
